# The simulated capture: data in the layouts of real sources, for runs that have none.


rule simulate_shard:
    """Simulated recordings of people in motion; the output lists their files with their hashes."""
    input:
        bodies=BODIES,
        prior=RUN.prior,
        motion=config["capture"]["motion"] or [],
    output:
        RUN.simulated("{shard}"),
    log:
        f"{RUN.root}/logs/capture/{{shard}}.log",
    benchmark:
        f"{RUN.root}/timings/capture/{{shard}}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=2000,
    params:
        settings=lambda wildcards: as_json(params.capture(config, packed_of(wildcards).kind)),
        seed=config["seed"],
        members=members,
        code=code_hash("simulate"),
    message:
        "Simulate {wildcards.shard}"
    shell:
        "python {SCRIPTS:q}/simulate.py --bodies {RUN.bodies:q} --prior {input.prior:q}"
        " --settings {params.settings:q} {SPEED[capture]:q} --seed {params.seed} --sequences {params.members:q}"
        " --folder {RUN.capture:q} --output {output:q} 2>&1 | tee {log:q}"
