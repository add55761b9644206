# One page that a browser opens: curves, tables and pictures of the run; `snakemake --report` shows it too.


rule report_page:
    """The run's report as one page, and a picture of a typical frame."""
    input:
        measures="results/{dataset}/measures.parquet",
        points=tables("points"),
        fits=tables("round_{round}/fit", ROUNDS),
        predictions=tables("round_{round}/infer", LATER_ROUNDS),
        histories=expand("results/{{dataset}}/round_{round}/train/history.parquet", round=LATER_ROUNDS),
        bodies=expand("results/{{dataset}}/body/{gender}.npz", gender=GENDERS),
        template="results/{dataset}/body/template.npz",
        templates=[*sorted(Path("sshmr/report/templates").iterdir()), "sshmr/viewing/assets/figure.js"],
    output:
        page=report(
            "results/{dataset}/report.html",
            caption="captions/report.rst",
            category="Measures",
            labels={"what": "all of the run on one page"},
        ),
        strip=report(
            "results/{dataset}/strip.png",
            caption="captions/strip.rst",
            category="Pictures",
            labels={"what": "a typical frame: cloud, bootstrap, last round"},
        ),
    log:
        "results/{dataset}/logs/report.log",
    benchmark:
        "results/{dataset}/timings/report.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(factor=20, least=3000),
    params:
        results=lambda wildcards, output: Path(output[0]).parent,
        rounds=config["rounds"],
        config=json.dumps(config, sort_keys=True),
        settings=section("report"),
        code=code_hash("report"),
    message:
        "Report: results/{wildcards.dataset}/report.html"
    shell:
        "python workflow_scripts/report.py --results {params.results} --points {input.points}"
        " --rounds {params.rounds} --config {params.config:q} --settings {params.settings:q}"
        " --output {output.page} --strip {output.strip} 2>&1 | tee {log}"
