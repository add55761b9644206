# The simulated capture: data in the layouts of real sources, for runs that have none.


rule simulate_sequence:
    """One simulated recording of a person in motion, as one file."""
    input:
        bodies=expand("results/{{dataset}}/body/{gender}.npz", gender=GENDERS),
        prior="results/{dataset}/body/prior.npz",
        motion=config["capture"]["motion"] or [],
    output:
        "results/{dataset}/capture/{shard}/{shard}_labels.pkl",
    log:
        "results/{dataset}/logs/capture/{shard}.log",
    benchmark:
        "results/{dataset}/timings/capture/{shard}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=4000,
    params:
        bodies=lambda wildcards, input: Path(input.bodies[0]).parent,
        settings=section("capture"),
        seed=config["seed"],
        code=code_hash("simulate"),
    message:
        "Simulate {wildcards.shard}"
    shell:
        "python workflow_scripts/simulate.py --bodies {params.bodies} --prior {input.prior}"
        " --settings {params.settings:q} --seed {params.seed} --sequence {wildcards.shard}"
        " --output {output} 2>&1 | tee {log}"


use rule simulate_sequence as simulate_data_set with:
    output:
        "results/{dataset}/capture/{shard}/manifest.json",
