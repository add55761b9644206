"""A failing job is reported, with its output."""


def test_the_error_is_reported_and_no_output_is_waited_for(clone):
    script = clone.folder / "workflow_scripts" / "template.py"
    script.write_text('raise SystemExit("Error: made to fail")')
    done = clone.run("results/demo/body/template.npz", "--cores", 2)
    assert done.returncode == 1
    assert "Error: made to fail" in done.stdout
    assert "Error in rule body_template" in done.stdout, done.stdout[-2000:]
    assert "MissingOutputException" not in done.stdout
