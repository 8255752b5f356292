"""Runs: the table, a run's page and what follows it, one iteration, what can be done with a run."""

from django.urls import path

from feedback_ui.policies.pages import checkpoint_download, checkpoints_page, group_page, step_page
from feedback_ui.runs.budget import run_budget
from feedback_ui.runs.deeds import run_deed
from feedback_ui.runs.fork import iteration_fork
from feedback_ui.runs.pages import iteration_page, prompts_page, run_live, run_page
from feedback_ui.runs.proposal import proposal_page
from feedback_ui.runs.stuck import item_deed, question_deed, stuck_page
from feedback_ui.runs.table import runs_table
from feedback_ui.runs.without_page import run_without_page
from feedback_ui.runs.words_page import version_revert, version_words

urlpatterns = [
    path("", runs_table, name="runs"),
    path("<int:run_id>/", run_page, name="run"),
    path("<int:run_id>/live/", run_live, name="run_live"),
    path("<int:run_id>/steps/<int:name>/", step_page, name="policy_step"),
    path("<int:run_id>/steps/<int:name>/groups/<int:index>/", group_page, name="policy_group"),
    path("<int:run_id>/checkpoints/", checkpoints_page, name="checkpoints"),
    path("<int:run_id>/checkpoints/<slug:key>/", checkpoint_download, name="checkpoint_download"),
    path("<int:run_id>/prompts/", prompts_page, name="run_prompts"),
    path("<int:run_id>/prompts/<int:version_id>/", version_words, name="version_words"),
    path("<int:run_id>/prompts/<int:version_id>/revert/", version_revert, name="version_revert"),
    path("<int:run_id>/iterations/<int:name>/", iteration_page, name="iteration"),
    path("<int:run_id>/iterations/<int:name>/fork/", iteration_fork, name="iteration_fork"),
    path("<int:run_id>/proposals/<int:review_id>/", proposal_page, name="run_proposal"),
    path("<int:run_id>/stuck/", stuck_page, name="run_stuck"),
    path("<int:run_id>/items/<int:item_id>/<slug:deed>/", item_deed, name="run_item_deed"),
    path("<int:run_id>/questions/<int:request_id>/<slug:deed>/", question_deed, name="run_question_deed"),
    path("<int:run_id>/without/", run_without_page, name="run_without"),
    path("<int:run_id>/budget/", run_budget, name="run_budget"),
    path("<int:run_id>/<slug:deed>/", run_deed, name="run_deed"),
]
