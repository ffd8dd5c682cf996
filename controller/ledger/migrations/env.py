"""How alembic reaches the ledger: on the connection that database.py hands in. SQLite tables are changed by copying them."""

from alembic import context

from controller.ledger.schema import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
