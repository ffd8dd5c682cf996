"""Our tests by name, so that python -m tests.bench finds them also where a foreign package has left a "tests" of its own."""
