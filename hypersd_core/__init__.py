"""Everything of the bot that would still exist without Discord: requests, queue, engine, samplers, training."""
