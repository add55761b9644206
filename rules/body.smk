# The body, the template picked from it, and the pose prior: once a run.


rule body_model:
    """One gender of the body in the layout that every stage reads."""
    input:
        lambda wildcards: os.path.relpath(body_source(config["body"], wildcards.gender)),
    output:
        RUN.body("{gender}"),
    log:
        f"{RUN.root}/logs/body/{{gender}}.log",
    benchmark:
        f"{RUN.root}/timings/body/{{gender}}.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=1000,
    params:
        body=config["body"],
        code=code_hash("body"),
    message:
        "Body model, {wildcards.gender}"
    shell:
        "python {SCRIPTS:q}/body.py --body {params.body:q} --gender {wildcards.gender:q}"
        " --output {output:q} 2>&1 | tee {log:q}"


rule body_template:
    """The vertices that clouds are matched to."""
    input:
        RUN.neutral,
    output:
        RUN.template,
    log:
        f"{RUN.root}/logs/body/template.log",
    benchmark:
        f"{RUN.root}/timings/body/template.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=1000,
    params:
        settings=section("template"),
        code=code_hash("template"),
    message:
        "Template"
    shell:
        "python {SCRIPTS:q}/template.py --body {input:q} --settings {params.settings:q}"
        " --output {output:q} 2>&1 | tee {log:q}"


rule pose_prior:
    """Which poses are likely."""
    input:
        os.path.relpath(prior_source(config["prior"])),
    output:
        RUN.prior,
    log:
        f"{RUN.root}/logs/body/prior.log",
    benchmark:
        f"{RUN.root}/timings/body/prior.tsv"
    conda:
        "../envs/cpu.yaml"
    resources:
        mem_mb=1000,
    params:
        prior=config["prior"],
        code=code_hash("prior"),
    message:
        "Pose prior"
    shell:
        "python {SCRIPTS:q}/prior.py --prior {params.prior:q} --output {output:q} 2>&1 | tee {log:q}"
