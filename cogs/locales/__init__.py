"""What there is to translate: found in the source, the commands and the data files that ship.

``python -m cogs.locales`` brings ``data/locales`` up to date. The bot does not need this part.
"""
