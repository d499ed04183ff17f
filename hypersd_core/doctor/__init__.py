"""What the bot needs, looked at one by one: each check is a function that returns ``Check`` values.

What concerns Discord is in ``cogs/doctor.py``. Nothing here is repaired or changed.
"""
