# The body, the template picked from it, and the pose prior: once a run.


rule body_model:
    """One gender of the body in the layout that every stage reads."""
    input:
        lambda wildcards: os.path.relpath(body_source(config["body"], wildcards.gender)),
    output:
        "results/{dataset}/body/{gender}.npz",
    log:
        "results/{dataset}/logs/body/{gender}.log",
    benchmark:
        "results/{dataset}/timings/body/{gender}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=2000,
    params:
        body=config["body"],
        code=code_hash("body"),
    message:
        "Body model, {wildcards.gender}"
    shell:
        "python workflow_scripts/body.py --body {params.body:q} --gender {wildcards.gender}"
        " --output {output} 2>&1 | tee {log}"


rule body_template:
    """The vertices that clouds are matched to."""
    input:
        "results/{dataset}/body/neutral.npz",
    output:
        "results/{dataset}/body/template.npz",
    log:
        "results/{dataset}/logs/body/template.log",
    benchmark:
        "results/{dataset}/timings/body/template.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=2000,
    params:
        settings=section("template"),
        code=code_hash("template"),
    message:
        "Template"
    shell:
        "python workflow_scripts/template.py --body {input} --settings {params.settings:q}"
        " --output {output} 2>&1 | tee {log}"


rule pose_prior:
    """Which poses are likely."""
    input:
        os.path.relpath(prior_source(config["prior"])),
    output:
        "results/{dataset}/body/prior.npz",
    log:
        "results/{dataset}/logs/body/prior.log",
    benchmark:
        "results/{dataset}/timings/body/prior.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=2000,
    params:
        prior=config["prior"],
        code=code_hash("prior"),
    message:
        "Pose prior"
    shell:
        "python workflow_scripts/prior.py --prior {params.prior:q} --output {output} 2>&1 | tee {log}"
