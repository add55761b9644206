# One page that a browser opens: curves, tables and pictures of the run; `snakemake --report` shows it too.


rule report_page:
    """The run's report as one page, and a picture of a typical frame."""
    input:
        measures=RUN.measures,
        points=tables(RUN.points_of),
        histories=[RUN.history(number) for number in LATER_ROUNDS],
        bodies=BODIES,
        template=RUN.template,
        templates=[
            os.path.relpath(path)
            for folder in ("report/templates", "viewing/assets")
            for path in sorted((ROOT / "sshmr" / folder).iterdir())
        ],
    output:
        page=report(
            RUN.report,
            caption="captions/report.rst",
            category="Measures",
            labels={"what": "all of the run on one page"},
        ),
        strip=report(
            RUN.strip,
            caption="captions/strip.rst",
            category="Pictures",
            labels={"what": "a typical frame: cloud, bootstrap, last round"},
        ),
    log:
        f"{RUN.root}/logs/report.log",
    benchmark:
        f"{RUN.root}/timings/report.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(factor=0.5, least=3000),
    params:
        settings=section("report"),
        code=code_hash("report"),
    message:
        "Report: {output.page}"
    shell:
        "python {SCRIPTS:q}/report.py --run {RUN.root:q} --settings {params.settings:q} 2>&1 | tee {log:q}"
