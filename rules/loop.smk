# The loop. Round 0: fit from typical poses, then label. Round r: train on the labels of round r-1, infer, fit
# from what was inferred, label. An input of round r names a file of round r-1, down to round 0.


rule bootstrap_shard:
    """Register the body to every cloud of one shard, from typical poses at all headings."""
    input:
        points="results/{dataset}/points/{split}/{shard}.parquet",
        body="results/{dataset}/body/neutral.npz",
        template="results/{dataset}/body/template.npz",
        prior="results/{dataset}/body/prior.npz",
        starts=START_POSES,
    output:
        "results/{dataset}/round_0/fit/{split}/{shard}.parquet",
    log:
        "results/{dataset}/logs/round_0/fit/{split}/{shard}.log",
    benchmark:
        "results/{dataset}/timings/round_0/fit/{split}/{shard}.tsv"
    conda:
        "../envs/gpu.yaml"
    threads: config["threads"]["fit"]
    resources:
        gpu=GPU,
        device=DEVICE,
        mem_mb=memory(factor=50, least=2000),
    params:
        settings=section("fit", without=["refine"]),
        code=code_hash("fit"),
    message:
        "Bootstrap fit of {wildcards.shard} ({wildcards.split})"
    shell:
        "python workflow_scripts/fit.py --points {input.points} --body {input.body}"
        " --template {input.template} --prior {input.prior} --settings {params.settings:q}"
        " --device {resources.device} --threads {threads} --output {output} 2>&1 | tee {log}"


rule fit_shard:
    """Register the body to every cloud of one shard, from what the network predicts."""
    input:
        points="results/{dataset}/points/{split}/{shard}.parquet",
        initial="results/{dataset}/round_{round}/infer/{split}/{shard}.parquet",
        previous=before("fit/{split}/{shard}.parquet"),
        body="results/{dataset}/body/neutral.npz",
        template="results/{dataset}/body/template.npz",
        prior="results/{dataset}/body/prior.npz",
        starts=START_POSES,
    output:
        "results/{dataset}/round_{round}/fit/{split}/{shard}.parquet",
    log:
        "results/{dataset}/logs/round_{round}/fit/{split}/{shard}.log",
    benchmark:
        "results/{dataset}/timings/round_{round}/fit/{split}/{shard}.tsv"
    wildcard_constraints:
        round=r"[1-9]\d*",
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
        "python workflow_scripts/fit.py --points {input.points} --initial {input.initial}"
        " --previous {input.previous} --body {input.body} --template {input.template}"
        " --prior {input.prior} --settings {params.settings:q} --device {resources.device} --threads {threads}"
        " --output {output} 2>&1 | tee {log}"


rule relabel_shard:
    """Pseudo labels: for every point the template vertex it belongs to, read off the fits."""
    input:
        points="results/{dataset}/points/{split}/{shard}.parquet",
        params="results/{dataset}/round_{round}/fit/{split}/{shard}.parquet",
        body="results/{dataset}/body/neutral.npz",
        template="results/{dataset}/body/template.npz",
    output:
        "results/{dataset}/round_{round}/labels/{split}/{shard}.parquet",
    log:
        "results/{dataset}/logs/round_{round}/labels/{split}/{shard}.log",
    benchmark:
        "results/{dataset}/timings/round_{round}/labels/{split}/{shard}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=memory(factor=20, least=2000),
    params:
        settings=section("relabel"),
        code=code_hash("relabel"),
    message:
        "Round {wildcards.round}: label {wildcards.shard}"
    shell:
        "python workflow_scripts/relabel.py --points {input.points} --params {input.params}"
        " --body {input.body} --template {input.template} --settings {params.settings:q}"
        " --output {output} 2>&1 | tee {log}"


rule train_round:
    """Train the network on the clouds and the labels of one round earlier.

    The folder `resume` is no output: what lies there lets a training that was cut off go on.
    """
    input:
        points=tables("points", splits=["train"]),
        labels=training_tables("round_{round}/labels"),
        params=training_tables("round_{round}/fit"),
        initial=earlier_checkpoint,
        body="results/{dataset}/body/neutral.npz",
        template="results/{dataset}/body/template.npz",
        prior="results/{dataset}/body/prior.npz",
    output:
        checkpoint="results/{dataset}/round_{round}/train/checkpoint.pt",
        history="results/{dataset}/round_{round}/train/history.parquet",
        settings="results/{dataset}/round_{round}/train/settings.json",
    log:
        "results/{dataset}/logs/round_{round}/train.log",
    benchmark:
        "results/{dataset}/timings/round_{round}/train.tsv"
    wildcard_constraints:
        round=r"[1-9]\d*",
    conda:
        "../envs/gpu.yaml"
    threads: config["threads"]["train"]
    resources:
        gpu=GPU * config["train"]["processes"],
        device=DEVICE,
        mem_mb=memory(factor=20, least=4000),
    params:
        start=(
            f"torchrun --standalone --nproc-per-node {config['train']['processes']}"
            if config["train"]["processes"] > 1
            else "python"
        ),
        initial=lambda wildcards, input: f"--initial {input.initial}" if input.initial else "",
        resume=lambda wildcards, output: Path(output.checkpoint).parents[1] / "resume",
        settings=json.dumps({"network": config["network"], "train": config["train"]}, sort_keys=True),
        seed=config["seed"],
        threads=lambda wildcards, threads: max(1, threads // config["train"]["processes"]),
        code=code_hash("train"),
    message:
        "Round {wildcards.round}: train"
    shell:
        "{params.start} workflow_scripts/train.py --points {input.points} --labels {input.labels}"
        " --params {input.params} {params.initial} --body {input.body} --template {input.template}"
        " --prior {input.prior} --settings {params.settings:q} --seed {params.seed}"
        " --device {resources.device} --threads {params.threads} --resume {params.resume}"
        " --checkpoint {output.checkpoint} --history {output.history}"
        " --settings-out {output.settings} 2>&1 | tee {log}"


rule infer_shard:
    """What the network predicts for every cloud of one shard."""
    input:
        points="results/{dataset}/points/{split}/{shard}.parquet",
        checkpoint="results/{dataset}/round_{round}/train/checkpoint.pt",
        body="results/{dataset}/body/neutral.npz",
        template="results/{dataset}/body/template.npz",
    output:
        "results/{dataset}/round_{round}/infer/{split}/{shard}.parquet",
    log:
        "results/{dataset}/logs/round_{round}/infer/{split}/{shard}.log",
    benchmark:
        "results/{dataset}/timings/round_{round}/infer/{split}/{shard}.tsv"
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
        "python workflow_scripts/infer.py --points {input.points} --checkpoint {input.checkpoint}"
        " --body {input.body} --template {input.template} --settings {params.settings:q}"
        " --device {resources.device} --threads {threads} --output {output} 2>&1 | tee {log}"
