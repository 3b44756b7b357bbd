"""What happens when a process dies or many come at once; real processes, real databases."""
