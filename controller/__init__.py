"""Discovery, books, detection, decision and execution: the process that trades."""
