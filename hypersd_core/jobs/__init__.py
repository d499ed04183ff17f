"""Waiting and running: who is next, what it costs, the thread that draws, the files it leaves."""
