# From a source's files to the one points table that every later stage reads.


rule extract_shard:
    """One sequence as a points table, and the table of the frames that were skipped."""
    input:
        source=source_files,
        bodies=expand("results/{{dataset}}/body/{gender}.npz", gender=GENDERS),
    output:
        points="results/{dataset}/points/{split}/{shard}.parquet",
        skipped="results/{dataset}/points/{split}/{shard}.skipped.parquet",
    log:
        "results/{dataset}/logs/points/{split}/{shard}.log",
    benchmark:
        "results/{dataset}/timings/points/{split}/{shard}.tsv"
    conda:
        "../envs/cpu.yaml"
    threads: config["threads"]["extract"]
    resources:
        mem_mb=memory(factor=10, least=1500),
    params:
        source=source_kind,
        root=source_root,
        bodies=lambda wildcards, input: Path(input.bodies[0]).parent,
        settings=section("extract"),
        code=code_hash("extract"),
    message:
        "Extract {wildcards.shard} ({wildcards.split})"
    shell:
        "python workflow_scripts/extract.py --source {params.source} --root {params.root:q}"
        " --shard {wildcards.shard} --split {wildcards.split} --settings {params.settings:q}"
        " --bodies {params.bodies} --threads {threads} --output {output.points} --skipped {output.skipped} 2>&1 | tee {log}"
