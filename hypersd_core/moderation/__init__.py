"""What may be asked for and what may be shown: word rules, the rating of pictures, records."""
