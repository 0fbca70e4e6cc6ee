"""Two runs compared: differences with their certainty, flips, explanations, and what keeps runs from being compared."""
