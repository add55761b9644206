# The shipped network, trained on synthetic people. Only `snakemake pretrain` runs this.


rule pretrain_network:
    """Train the network on synthetic people.

    The folder `resume` is not an output: an interrupted training continues from it.
    """
    input:
        motion=SETTINGS.pretrain.motion or [],
        body=RUN.neutral,
        template=RUN.template,
        prior=RUN.prior,
    output:
        weights=f"{RUN.root}/pretrain/weights.safetensors",
        card=f"{RUN.root}/pretrain/README.md",
        steps=f"{RUN.root}/pretrain/steps.jsonl",
    log:
        f"{RUN.root}/logs/pretrain.log",
    benchmark:
        f"{RUN.root}/timings/pretrain.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=6000,
    params:
        resume=lambda wildcards, output: Path(output.weights).parents[1] / "resume",
        settings=as_json(params.pretrain(config)),
        seed=config["seed"],
        code=code_hash("pretrain"),
    message:
        "Pretrain the network: {config[pretrain][steps]} steps"
    shell:
        "python {SCRIPTS:q}/pretrain.py --body {input.body:q} --template {input.template:q}"
        " --prior {input.prior:q} --settings {params.settings:q} --seed {params.seed} --resume {params.resume:q}"
        " --weights {output.weights:q} --card {output.card:q} --log {output.steps:q} 2>&1 | tee {log:q}"
