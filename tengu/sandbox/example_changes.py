"""What the example application's authors merged: a dozen pull requests of every kind, and two that go wrong."""

from __future__ import annotations

from tengu.sandbox.example_app import ChangeSet, Commit


def _page(name: str, title: str, text: str) -> dict[str, str]:
    return {f"www/{name}.html": f"<!doctype html>\n<title>{title}</title>\n<h1>{title}</h1>\n<p>{text}</p>\n"}


AUTHORS = ("alice", "bob", "carol", "dave")
BOT = "dependabot[bot]"

CHANGES = (
    ChangeSet(
        "Show the cart on every page",
        "alice",
        (
            Commit("Add the cart's page", _page("cart", "Your cart", "It is empty.")),
            Commit("Style the cart", {"www/cart.css": "h1 { color: #b2382e; }\n"}),
        ),
        body="Verify: open /cart.html and see the red heading.",
        labels=("feature",),
    ),
    ChangeSet(
        "Say what shipping costs", "bob", (Commit("Add shipping", _page("shipping", "Shipping", "Free.")),), "squash"
    ),
    ChangeSet(
        "Index products by name",
        "carol",
        (
            Commit(
                "Add the index", {"migrations/0002_product_name.sql": "CREATE INDEX product_name ON product (name);\n"}
            ),
            Commit("Explain the index", {"migrations/README": "One file a change, applied in order, never edited.\n"}),
        ),
        "rebase",
        labels=("database",),
    ),
    ChangeSet(
        "Bump busybox from 1.35.0 to 1.36.1",
        BOT,
        (Commit("Bump busybox from 1.35.0 to 1.36.1", {"config/versions": "busybox 1.36.1\n"}),),
        merged_by="dave",
        labels=("dependencies",),
    ),
    ChangeSet(
        "Fix `<title>` & escape <!channel> for @everyone, @alice and *[links](https://example.com)*",
        "dave",
        (Commit("Escape what people write", _page("guestbook", "Guest book", "&lt;!channel&gt; was here.")),),
        body="- [ ] not one of Tengu's boxes\n<!-- nor is this: tengu -->\n",
    ),
    ChangeSet(
        "Add an imprint", "alice", (Commit("Add the imprint", _page("imprint", "Imprint", "Mount Kurama")),), "squash"
    ),
    ChangeSet(
        "Tell robots where not to go",
        "bob",
        (Commit("Add robots.txt", {"www/robots.txt": "User-agent: *\nDisallow: /cart.html\n"}),),
        "rebase",
    ),
    ChangeSet(
        "Remember when an order was placed",
        "carol",
        (
            Commit(
                "Add orders", {"migrations/0003_orders.sql": "CREATE TABLE orders (id serial, placed timestamptz);\n"}
            ),
            Commit("List orders", _page("orders", "Orders", "None yet.")),
            Commit("Keep orders out of search", {"config/search": "skip orders\n"}),
        ),
        labels=("database", "feature"),
    ),
    ChangeSet("天狗の団扇を棚に並べる", "dave", (Commit("Sell fans", _page("fans", "団扇", "一本 800 円")),), "squash"),
    ChangeSet(
        "Bump the fonts",
        BOT,
        (Commit("Bump the fonts", {"config/fonts": "noto 2.0\n"}),),
        "squash",
        merged_by="alice",
        labels=("dependencies",),
    ),
    ChangeSet(
        "Answer frequent questions", "bob", (Commit("Add the FAQ", _page("faq", "Questions", "Can it fly? Yes.")),)
    ),
    ChangeSet(
        "Thank people for their order", "carol", (Commit("Say thanks", _page("thanks", "Thanks", "Come again.")),)
    ),
)

#: A commit on the source branch that came without a pull request.
PUSHED_DIRECTLY = ("dave", Commit("Fix a typo in the page", {"config/typos": "fixed: recieve\n"}))

CRASHES_AT_START = ChangeSet(
    "Take payments",
    "alice",
    (Commit("Require the payment key", {"config/required": "PAYMENT_API_KEY\n"}),),
    "squash",
    body="Nobody has set PAYMENT_API_KEY for the service yet: each new task ends at once with exit code 3.",
)
REPAIRS_START = ChangeSet(
    'Revert "Take payments"',
    "alice",
    (Commit('Revert "Take payments"', {"config/required": ""}),),
    "squash",
)
_BROKEN_MIGRATION = "migrations/0009_split_names.sql"
MIGRATION_FAILS = ChangeSet(
    "Split names into first and last",
    "carol",
    (
        Commit(
            "Split names", {_BROKEN_MIGRATION: '-- fails: column "full_name" of relation "customer" does not exist\n'}
        ),
    ),
    "squash",
    labels=("database",),
)
REPAIRS_MIGRATION = ChangeSet(
    "Repair the split of names",
    "carol",
    (Commit("Repair the split of names", {_BROKEN_MIGRATION: "ALTER TABLE product ADD COLUMN brand text;\n"}),),
    "squash",
    labels=("database",),
)
BUILD_FAILS = ChangeSet(
    "Say hello at start",
    "bob",
    (Commit("Say hello", {"bin/hello": "#!/bin/sh\nif true; then echo hello\n"}),),
    "squash",
    body="The `if` has no end: bin/check refuses it while the image is built.",
)
