"""What arguments are called where people read them: on the launch form, and in the schemas that REST gives."""

from __future__ import annotations

# By the argument's name, which means the same wherever it occurs: (label, hint).
LABELS: dict[str, tuple[str, str]] = {
    # losses
    "criteria": ("What is judged", "One question, as judges read it."),
    "rubric": ("Levels", "Two or more with distinct scores; the lowest counts 0, the highest 1."),
    "aspects": (
        "Judged one by one",
        "Criteria that each get a level, one a line, such as “Facts: is everything right?”. Nothing for one level in all.",
    ),
    "require_feedback": (
        "Judges must say what would be better",
        "Always, never, or for a score and those below it.",
    ),
    "require_reason": ("Judges must say why", ""),
    "n": ("Outputs a ranking", "How many are ranked together; nothing for as many as there are."),
    "allow_ties": ("Outputs may share a rank", ""),
    "prompt_template": ("What people are asked", "May hold {output}, {target} and {context}."),
    "show_context": ("People see what the output was made from", ""),
    "alias": ("Model", "The endpoint that is asked; “default” where there is none of that name."),
    "verifier": ("Check", "A name, or an object with the name and the check's own arguments."),
    "success_feedback": ("Said of an output that passes", ""),
    "losses": (
        "Judges",
        'Pairs of a loss and its weight, such as [[{"name": "LLMFeedbackLoss", "args": {}}, 1], ...].',
    ),
    "aggregator": (
        "Model that sums up",
        "The endpoint that makes one list of all remarks; nothing for none.",
    ),
    # optimizers
    "conservatism": ("Conservatism", "0 rewrites freely, 1 changes as little as it can."),
    "max_retries": ("Retries of an update", "How often a reply that cannot be used is asked for again."),
    "reasoning_model": ("Model that reasons in backward", "For programs whose steps ask for it."),
    "constraints": (
        "Constraints",
        "Of every prompt, one a line: a text that a model checks, or a check such as "
        '{"kind": "max_length", "characters": 900}.',
    ),
    "max_tokens": ("Longest reply, tokens", ""),
    "messages": (
        "Messages to the model",
        'In place of the shipped ones, such as [{"role": "user", "content": "{current_value} {feedback}"}].',
    ),
    "inputs": (
        "Slots of the messages",
        'What further {names} in the messages are filled with, such as {"style": "brief"}.',
    ),
    "momentum": ("Momentum", "How many past values of a prompt the model is shown."),
    "temperature": ("Temperature", ""),
    # backends
    "ppo": ("PPO's clipped surrogate", "Else CISPO: each token's gradient is weighed by its clipped ratio."),
    "advantage_balance": (
        "Balance of advantages",
        "Above 0 weakens those below the group's mean, below 0 those above it; from -1 to 1.",
    ),
    "importance_sampling_level": ("A ratio for each", "Token, sequence, or a mean of both."),
    "max_negative_advantage_importance_sampling_weight": ("Greatest ratio", "Nothing: the clipping alone."),
    "mask_prob_ratio": ("Leave out ratios outside the clipping range", ""),
    "kimi_k2_tau": ("Kimi K2's regularisation", "How strong; nothing for none."),
    "precalculate_logprobs": (
        "Compute old log-probabilities before the update",
        "Else the sampler's are taken.",
    ),
    "truncated_importance_sampling": ("Correction of the sampler, at most", "Nothing: none."),
    "scale_learning_rate_by_reward_std_dev": (
        "Scale the learning rate by the rewards' spread",
        "Against that of the first step.",
    ),
    "logprob_calculation_chunk_size": ("Tokens made into logits at once", ""),
    # trainers, whose plans have hints of their own
    "num_epochs": ("Passes over the data", "Nothing: the iterations decide."),
    "batch_size": ("Outputs a batch", ""),
    "num_samples": (
        "Samples an example",
        "Two or more: preference and ranking compare them with each other.",
    ),
    "eval_frequency": ("Steps between tests", "0: the held-out split is not scored."),
    "num_eval_samples": ("Samples a test example", ""),
    "min_score": ("Score of a failure", "Nothing: such an example is left out."),
    "ensure_improvement": (
        "Keep a step only if the batch scores higher with it",
        "Runs and judges the batch twice.",
    ),
    "improvement_threshold": ("By how much higher", ""),
    "num_proposals": ("Proposals a step", ""),
    "max_metric_calls": ("Outputs judged in all", ""),
    "merge_frequency": ("Steps between merges", ""),
    "perfect_score": ("Score that cannot be better", ""),
    # policies
    "learning_rate": ("Learning rate", ""),
    "weight_decay": ("Weight decay", ""),
    "max_grad_norm": ("Longest gradient", ""),
    "beta": ("KL penalty", ""),
    "epsilon": ("Clipping", "How far a ratio may move; nothing: 0.2 for PPO, 1 for CISPO."),
    "epsilon_high": ("Clipping upward", "Nothing: as far as down for PPO, 4 for CISPO."),
    "discount": ("Discount", ""),
    "prompts_per_step": ("Prompts a step", ""),
    "group_size": ("Completions a prompt", ""),
    "sampling": ("Sampling", ""),
    "epochs": ("Passes over a batch", ""),
    "minibatches": ("Optimizer steps a pass", ""),
    "micro_batch_size": ("Completions in memory while training", ""),
    "rollout_batch_size": ("Completions in memory while sampling", ""),
    "old_log_probs": ("Old log-probabilities", ""),
    "lora": ("LoRA", ""),
    "precision": ("Precision", ""),
    "scale_rewards": ("Divide by the group's spread", ""),
    "eval_temperature": ("Temperature of tests", ""),
    "max_staleness": ("Batches sampled ahead", ""),
    "approve": (
        "Ask a person before each step",
        "An operator takes the rewritten prompts, edits them or keeps the old ones.",
    ),
    # checks in code
    "expected": ("Expected", "Nothing: the example's target."),
    "pattern": ("Pattern", "A regular expression of Python."),
    "schema": ("JSON schema", ""),
    "path": ("JSON path", ""),
    "text": ("Text", "Nothing: the example's target."),
    "full": ("The whole output must match", ""),
}


def label_of(name: str) -> tuple[str, str]:
    """Label and hint; of an argument that is not known here, as a plug-in's is, its name in words."""
    return LABELS.get(name, (name.replace("_", " ").capitalize(), ""))
