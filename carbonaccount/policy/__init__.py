"""What the city decides about credits: their value for the budget, their end, the calendar."""
