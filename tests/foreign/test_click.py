"""click: commands keep their place in their group."""

import pytest
from livefolder import text, warned

click = pytest.importorskip("click", reason="no click for this CPython")

SOURCE = text("""
import click

@click.group()
@click.option("--loud/--quiet", default=False)
@click.pass_context
def cli(ctx, loud):
    ctx.obj = loud

@cli.command()
@click.option("--count", default=1)
@click.argument("name")
@click.pass_obj
def hello(loud, count, name):
    for _ in range(count):
        click.echo(f"hello {name}" + "!" * loud)

@cli.command("by")
def bye():
    click.echo("bye")
""")


@pytest.fixture
def run(app):
    from click.testing import CliRunner

    m = app.load(SOURCE)
    app.cli, app.hello = m.cli, m.hello

    def invoke(*arguments):
        result = CliRunner().invoke(m.cli, arguments)
        assert result.exit_code == 0, result.output
        return result.output

    assert invoke("--loud", "hello", "ann") == "hello ann!\n"
    return invoke


def test_a_callback_changes(app, run):
    app.edit(
        ('f"hello {name}"', 'f"hi {name}"'),
        ('"bye"', '"good bye"'),
        ("= loud", "= 2 * loud"),
    )
    assert run("--loud", "hello", "ann") == "hi ann!!\n"
    assert run("by") == "good bye\n"
    assert list(app.cli.commands) == ["hello", "by"]
    assert app.module.cli is app.cli
    assert app.module.hello is app.hello is app.cli.commands["hello"]


def test_a_command_is_added(app, run):
    update = app.edit(
        (
            '@cli.command("by")',
            '@cli.command()\ndef new():\n    click.echo("new")\n\n@cli.command("by")',
        )
    )
    assert run("new") == "new\n"
    assert run("hello", "ann") == "hello ann\n"
    assert sorted(app.cli.commands) == ["by", "hello", "new"]
    assert update.warnings == []
    app.edit(('echo("new")', 'echo("newer")'))
    assert run("new") == "newer\n"


def test_an_option_changes(app, run):
    update = app.edit(("default=1", "default=2"))
    assert "RSL618" not in warned(update, "hello")
    assert run("hello", "ann") == "hello ann\n" * 2
    assert app.cli.commands["hello"] is app.module.hello
    assert list(app.cli.commands) == ["hello", "by"]


def test_an_option_and_a_parameter_are_added(app, run):
    app.edit(
        (
            '@click.argument("name")',
            '@click.argument("name")\n@click.option("--end", default=".")',
        ),
        ("count, name)", "count, name, end)"),
        ("* loud)", "* loud + end)"),
    )
    assert run("hello", "ann") == "hello ann.\n"
    assert run("hello", "ann", "--end", "?") == "hello ann?\n"


@pytest.mark.refuses("RSL618")
def test_a_command_gets_another_name(app, run):
    update = app.edit(('command("by")', 'command("bye")'))
    assert "RSL618" in warned(update, "bye")
    assert run("bye") == "bye\n"
    assert sorted(app.cli.commands) == ["by", "bye", "hello"]
    app.edit(('"bye")\n', '"good bye")\n'))
    assert run("bye") == run("by") == "good bye\n"
