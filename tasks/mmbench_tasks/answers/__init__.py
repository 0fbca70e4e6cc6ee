"""What families of tasks share: finding the answer in what a model wrote."""
