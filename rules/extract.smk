# From a source's files to the one points table that every later stage reads.


rule extract_shard:
    """One sequence, or several short ones, as a points table, and the table of the frames that were skipped."""
    input:
        source=source_files,
        bodies=BODIES,
    output:
        points=RUN.points_of("{split}", "{shard}"),
        skipped=RUN.skipped_of("{split}", "{shard}"),
    log:
        f"{RUN.root}/logs/points/{{split}}/{{shard}}.log",
    benchmark:
        f"{RUN.root}/timings/points/{{split}}/{{shard}}.tsv"
    priority: training_first
    conda:
        "../envs/cpu.yaml"
    threads: config["threads"]["extract"]
    resources:
        mem_mb=memory(factor=10, least=1500),
    params:
        settings=lambda wildcards: as_json(
            params.extract(config, packed_of(wildcards).kind, KIND == "simulated")
        ),
        members=members,
        files=lambda wildcards: files_of(wildcards).digest,
        code=code_hash("extract"),
    message:
        "Extract {wildcards.shard} ({wildcards.split})"
    shell:
        "python {SCRIPTS:q}/extract.py --listing {RUN.root:q}/sources/{wildcards.split:q}/{wildcards.shard:q}.json"
        " --split {wildcards.split:q} --settings {params.settings:q}"
        " --bodies {RUN.bodies:q} --threads {threads} --output {output.points:q}"
        " --skipped {output.skipped:q} 2>&1 | tee {log:q}"
