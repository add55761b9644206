# The loop. Round 0: fit, then relabel. Round r: train on the pseudo labels of round r-1, infer, fit
# from the predictions, relabel. The inputs of round r are files of round r-1, down to round 0.
#
# Snakemake takes time and memory for each input of each job. So a rule does not list what another of its inputs
# is made from, unless its size says how much memory the job needs.


rule bootstrap_shard:
    """Register the body to every cloud of one shard, from the shipped network's predictions and typical poses."""
    input:
        points=RUN.points_of("{split}", "{shard}"),
        initial=RUN.params_of(0, "network", "{split}", "{shard}") if PRETRAINED_WEIGHTS else [],
        template=RUN.template,
        prior=RUN.prior,
        starts=START_POSES,
    output:
        RUN.params_of(0, "fit", "{split}", "{shard}"),
    log:
        f"{RUN.root}/logs/round_0/fit/{{split}}/{{shard}}.log",
    benchmark:
        f"{RUN.root}/timings/round_0/fit/{{split}}/{{shard}}.tsv"
    priority: training_first
    conda:
        "../envs/gpu.yaml"
    threads: config["threads"]["fit"]
    resources:
        gpu=GPU,
        device=DEVICE,
        mem_mb=memory(factor=50, least=2000),
    params:
        initial=lambda wildcards, input: (
            f"--initial {shlex.quote(input.initial)} --search" if input.initial else ""
        ),
        settings=section("fit", params.bootstrap_unused(bool(PRETRAINED_WEIGHTS))),
        code=code_hash("fit"),
    message:
        "Bootstrap fit of {wildcards.shard} ({wildcards.split})"
    shell:
        "python {SCRIPTS:q}/fit.py --points {input.points:q} {params.initial} --body {RUN.neutral:q}"
        " --template {input.template:q} --prior {input.prior:q} --settings {params.settings:q} {SPEED[fit]:q}"
        " --device {resources.device:q} --threads {threads} --output {output:q} 2>&1 | tee {log:q}"


rule fit_shard:
    """Register the body to every cloud of one shard, from what the network predicts."""
    input:
        points=RUN.points_of("{split}", "{shard}"),
        initial=RUN.params_of("{round}", "network", "{split}", "{shard}"),
        previous=lambda wildcards: RUN.params_of(
            int(wildcards.round) - 1, "fit", wildcards.split, wildcards.shard
        ),
    output:
        RUN.params_of("{round}", "fit", "{split}", "{shard}"),
    log:
        f"{RUN.root}/logs/round_{{round}}/fit/{{split}}/{{shard}}.log",
    benchmark:
        f"{RUN.root}/timings/round_{{round}}/fit/{{split}}/{{shard}}.tsv"
    wildcard_constraints:
        round=r"[1-9]\d*",
    priority: training_first
    conda:
        "../envs/gpu.yaml"
    threads: config["threads"]["fit"]
    resources:
        gpu=GPU,
        device=DEVICE,
        mem_mb=memory(factor=50, least=2000),
    params:
        settings=section("fit"),
        code=code_hash("fit"),
    message:
        "Round {wildcards.round}: fit {wildcards.shard} ({wildcards.split})"
    shell:
        "python {SCRIPTS:q}/fit.py --points {input.points:q} --initial {input.initial:q}"
        " --previous {input.previous:q} --body {RUN.neutral:q} --template {RUN.template:q}"
        " --prior {RUN.prior:q} --settings {params.settings:q} {SPEED[fit]:q} --device {resources.device:q}"
        " --threads {threads} --output {output:q} 2>&1 | tee {log:q}"


rule relabel_shard:
    """Pseudo labels: for every point the template vertex it belongs to, read off the fits."""
    input:
        points=RUN.points_of("{split}", "{shard}"),
        params=RUN.params_of("{round}", "fit", "{split}", "{shard}"),
    output:
        RUN.pseudo_labels_of("{round}", "{split}", "{shard}"),
    log:
        f"{RUN.root}/logs/round_{{round}}/pseudo_labels/{{split}}/{{shard}}.log",
    benchmark:
        f"{RUN.root}/timings/round_{{round}}/pseudo_labels/{{split}}/{{shard}}.tsv"
    priority: training_first
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(factor=20, least=2000),
    params:
        settings=section("relabel"),
        code=code_hash("relabel"),
    message:
        "Round {wildcards.round}: pseudo labels of {wildcards.shard}"
    shell:
        "python {SCRIPTS:q}/relabel.py --points {input.points:q} --params {input.params:q}"
        " --body {RUN.neutral:q} --template {RUN.template:q} --settings {params.settings:q}"
        " --output {output:q} 2>&1 | tee {log:q}"


rule train_round:
    """Train the network on the clouds and the pseudo labels of one round earlier.

    The folder `resume` is not an output: an interrupted training continues from it.
    """
    input:
        points=tables(RUN.points_of, splits=["train"]),
        pseudo_labels=earlier_labels,
        initial=earlier_checkpoint,
        body=RUN.neutral,
        template=RUN.template,
        prior=RUN.prior,
    output:
        checkpoint=RUN.checkpoint("{round}"),
        history=RUN.history("{round}"),
        settings=RUN.training_settings("{round}"),
    log:
        f"{RUN.root}/logs/round_{{round}}/train.log",
    benchmark:
        f"{RUN.root}/timings/round_{{round}}/train.tsv"
    wildcard_constraints:
        round=r"[1-9]\d*",
    priority: 1
    conda:
        "../envs/gpu.yaml"
    threads: max(config["threads"]["train"], PROCESSES)
    resources:
        gpu=GPU * config["train"]["processes"],
        device=DEVICE,
        mem_mb=memory(factor=0.5, least=4000),
    params:
        settings=as_json(params.train(config)),
        seed=config["seed"],
        code=code_hash("train"),
    message:
        "Round {wildcards.round}: train"
    shell:
        "{START} {SCRIPTS:q}/train.py --results {RUN.root:q} --round {wildcards.round:q}"
        " --settings {params.settings:q} {SPEED[train]:q} --seed {params.seed} --code {params.code:q}"
        " --device {resources.device:q} --threads {threads} 2>&1 | tee {log:q}"


rule infer_shard:
    """What the network predicts for every cloud of one shard."""
    input:
        points=RUN.points_of("{split}", "{shard}"),
        checkpoint=network_of,
        template=RUN.template,
    output:
        RUN.params_of("{round}", "network", "{split}", "{shard}"),
    log:
        f"{RUN.root}/logs/round_{{round}}/infer/{{split}}/{{shard}}.log",
    benchmark:
        f"{RUN.root}/timings/round_{{round}}/infer/{{split}}/{{shard}}.tsv"
    priority: training_first
    conda:
        "../envs/gpu.yaml"
    threads: config["threads"]["infer"]
    resources:
        gpu=GPU,
        device=DEVICE,
        mem_mb=memory(factor=20, least=2000),
    params:
        settings=section("infer"),
        code=code_hash("infer"),
    message:
        "Round {wildcards.round}: infer {wildcards.shard} ({wildcards.split})"
    shell:
        "python {SCRIPTS:q}/infer.py --points {input.points:q} --checkpoint {input.checkpoint:q}"
        " --body {RUN.neutral:q} --template {input.template:q} --settings {params.settings:q} {SPEED[infer]:q}"
        " --device {resources.device:q} --threads {threads} --output {output:q} 2>&1 | tee {log:q}"
