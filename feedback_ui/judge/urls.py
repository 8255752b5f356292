"""The annotator's pages."""

from django.urls import path

from feedback_ui.judge import answers, earlier, reading, views

urlpatterns = [
    path("judge/", views.desk, name="judge"),
    path("judge/counts/", views.counts, name="judge_counts"),
    path("judge/ahead/", views.ahead, name="judge_ahead"),
    path("judge/undo/", earlier.undo, name="judge_undo"),
    path("judge/<int:request_id>/answer/", views.answer, name="judge_answer"),
    path("judge/<int:request_id>/later/", views.later, name="judge_later"),
    path("judge/<int:request_id>/skip/", views.skip, name="judge_skip"),
    path("judge/<int:request_id>/take-back/", earlier.take_back, name="judge_take_back"),
    path("judge/<int:request_id>/read/", reading.how_it_is_read, name="judge_read"),
    path("judge/<int:request_id>/keep/", views.keep, name="judge_keep"),
    path("answers/", answers.my_answers, name="my_answers"),
    path("answers/<int:answer_id>/", earlier.earlier_answer, name="earlier_answer"),
    path("answers/<int:answer_id>/became/", earlier.became, name="answer_became"),
]
