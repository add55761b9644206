# Measures of every round, on both splits. Only these rules and the report use the truth.


rule evaluate_part:
    """The measures of every frame of some shards in one round."""
    input:
        fits=lambda wildcards: tables(RUN.params_of, wildcards.round, "fit", part=wildcards.part),
        predictions=predictions,
        pseudo_labels=lambda wildcards: tables(
            RUN.pseudo_labels_of, wildcards.round, splits=["train"], part=wildcards.part
        ),
        bodies=BODIES,
        template=RUN.template,
    output:
        RUN.frame_measures("{round}", "{part}"),
    log:
        f"{RUN.root}/logs/round_{{round}}/evaluate/{{part}}.log",
    benchmark:
        f"{RUN.root}/timings/round_{{round}}/evaluate/{{part}}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=2000,
    params:
        settings=section("evaluate"),
        code=code_hash("evaluate"),
    message:
        "Round {wildcards.round}: evaluate {wildcards.part}"
    shell:
        "python {SCRIPTS:q}/evaluate.py --run {RUN.root:q} --round {wildcards.round:q}"
        " --part {wildcards.part:q} --settings {params.settings:q} {SPEED[evaluate]:q} 2>&1 | tee {log:q}"


rule merge_measures:
    """The means over all frames and sequences, of all rounds in one table, also printed."""
    input:
        [RUN.frame_measures(round_, part) for round_ in ROUNDS for part in PARTS],
    output:
        RUN.measures,
    log:
        f"{RUN.root}/logs/measures.log",
    benchmark:
        f"{RUN.root}/timings/measures.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(factor=4, least=2000),
    params:
        settings=section("evaluate"),
        code=code_hash("measures"),
    message:
        "Measures of all rounds"
    shell:
        "python {SCRIPTS:q}/measures.py --run {RUN.root:q} --settings {params.settings:q} 2>&1 | tee {log:q}"
