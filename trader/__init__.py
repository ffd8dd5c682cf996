"""Remote execution: a process that stands close to one venue and executes legs through the shared library."""
