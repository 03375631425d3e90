"""What all packages stand on: validation, fixed objects, streams of random numbers, bars."""
