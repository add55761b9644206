# Measures of every round, on both splits. No other stage reads the ground truth.


rule evaluate_round:
    """How far the fits and the network of one round are from the truth."""
    input:
        points=tables("points"),
        fits=lambda wildcards: tables("round_{round}/fit", [wildcards.round]),
        predictions=predictions,
        labels=lambda wildcards: tables("round_{round}/labels", [wildcards.round], ["train"]),
        bodies=expand("results/{{dataset}}/body/{gender}.npz", gender=GENDERS),
        template="results/{dataset}/body/template.npz",
    output:
        "results/{dataset}/round_{round}/measures.parquet",
    log:
        "results/{dataset}/logs/round_{round}/evaluate.log",
    benchmark:
        "results/{dataset}/timings/round_{round}/evaluate.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(factor=20, least=3000),
    params:
        predictions=lambda wildcards, input: (
            f"--predictions {' '.join(input.predictions)}" if input.predictions else ""
        ),
        bodies=lambda wildcards, input: Path(input.bodies[0]).parent,
        settings=section("evaluate"),
        code=code_hash("evaluate"),
    message:
        "Round {wildcards.round}: evaluate"
    shell:
        "python workflow_scripts/evaluate.py --points {input.points} --fits {input.fits} {params.predictions}"
        " --labels {input.labels} --bodies {params.bodies} --template {input.template}"
        " --round {wildcards.round} --settings {params.settings:q} --output {output} 2>&1 | tee {log}"


rule merge_measures:
    """The measures of all rounds in one table, also printed."""
    input:
        expand("results/{{dataset}}/round_{round}/measures.parquet", round=ROUNDS),
    output:
        "results/{dataset}/measures.parquet",
    log:
        "results/{dataset}/logs/measures.log",
    benchmark:
        "results/{dataset}/timings/measures.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=1000,
    params:
        code=code_hash("measures"),
    message:
        "Measures of all rounds"
    shell:
        "python workflow_scripts/measures.py --inputs {input} --output {output} 2>&1 | tee {log}"
