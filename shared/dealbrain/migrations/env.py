"""Run by Alembic: migrate over the connection we were handed, in its transaction."""

from alembic import context

from dealbrain.tables import Table

context.configure(connection=context.config.attributes["connection"], target_metadata=Table.metadata)
context.run_migrations()
