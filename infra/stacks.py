"""All stacks, in the order they need each other: Data, Api, Edge, Cards, Api-…, Chores, Check, Watch."""

from pathlib import Path

from aws_cdk import App, Stack

from dealbrain.facts import Bucket
from dealbrain.settings import Settings
from infra.api import Api, Endpoints, by_folder
from infra.cards import Cards
from infra.chores import Check, Chores
from infra.data import Data
from infra.edge import Edge
from infra.plan import DATABASE_CA, Plan
from infra.reviewed import acknowledge
from infra.routes import routes
from infra.watch import Watch
from infra.zips import Ground


def add_stacks(app: App, code: Path, layer: Path, image: Path) -> None:
    """Add every stack to an app.

    Args:
        app: with the choices in its context.
        code: what /var/task of the zip functions is to be.
        layer: what their /opt is to be.
        image: the folder the renderer's image is built from.

    Raises:
        pydantic.ValidationError: a choice or a setting is missing or wrong.
    """
    plan = Plan.of(app)
    endpoints = by_folder(routes())
    modules = {module: found for folder in endpoints.values() for module, found in folder.items()}
    data = Data(app, plan)
    api = Api(app, plan, list(modules), data.people)
    ground = Ground(
        plan=plan,
        settings=settings(plan, data, api),
        code=code,
        layer=layer,
        subnets=data.subnet_ids(),
        database_group=data.database_group.security_group_id,
        database_user=data.database_user,
    )
    cards = Cards(app, ground, data, image)
    folders = [Endpoints(app, folder, found, ground, api) for folder, found in endpoints.items()]
    chores = Chores(app, ground, data.master_secret)
    check = Check(app, ground, cards.asset)
    for called in (cards, *folders, chores):
        check.add_stack_dependency(called)
    if plan.cdn:
        edge = Edge(app, ground, api.host)
        # What a page names is there before the page is.
        for named_by in (*folders, check):
            named_by.add_stack_dependency(edge)
    Watch(app, plan, api.id)
    for stack in app.node.children:
        if isinstance(stack, Stack):
            acknowledge(stack, plan)


def settings(plan: Plan, data: Data, api: Api) -> Settings:
    """The settings of every function; one that is missing is missing here, and not at a first request."""
    return Settings(
        public_origin=api.origin,
        generated_bucket=plan.bucket(Bucket.generated),
        private_bucket=plan.bucket(Bucket.private),
        static_bucket=plan.bucket(Bucket.static),
        pending_table=plan.table,
        renderer_function=plan.renderer,
        token_issuer=data.issuer,
        token_client_id=api.client_id,
        sign_in_url=data.sign_in_url,
        cdn_fingerprint=plan.cdn_fingerprint,
        database_url=data.database_url,
        database_ca=DATABASE_CA,
    )
