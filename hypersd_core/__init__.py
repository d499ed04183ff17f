"""Everything that would still exist without Discord: requests, queue, engine, training."""
