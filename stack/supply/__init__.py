"""What Tally is made of and how it is handed on: lists of parts with licences, the wheel, and a look at the pins."""
