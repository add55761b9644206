# The simulated capture: data in the layouts of real sources, for runs that have none.


rule simulate_sequence:
    """One simulated recording of a person in motion, as one file."""
    input:
        bodies=BODIES,
        prior=RUN.prior,
        motion=config["capture"]["motion"] or [],
    output:
        simulated_file(RUN.capture, "{shard}", "sloper4d"),
    log:
        f"{RUN.root}/logs/capture/{{shard}}.log",
    benchmark:
        f"{RUN.root}/timings/capture/{{shard}}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=2000,
    params:
        settings=lambda wildcards: as_json(params.capture(config, LAYOUTS[wildcards.shard])),
        seed=config["seed"],
        code=code_hash("simulate"),
    message:
        "Simulate {wildcards.shard}"
    shell:
        "python {SCRIPTS:q}/simulate.py --bodies {RUN.bodies:q} --prior {input.prior:q}"
        " --settings {params.settings:q} {SPEED[capture]:q} --seed {params.seed} --sequence {wildcards.shard:q}"
        " --output {output:q} 2>&1 | tee {log:q}"


use rule simulate_sequence as simulate_data_set with:
    output:
        simulated_file(RUN.capture, "{shard}", "clouds"),
