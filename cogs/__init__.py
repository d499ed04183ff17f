"""Discord in, Discord out: commands, buttons, cards. No torch, no SQL, no threads."""
