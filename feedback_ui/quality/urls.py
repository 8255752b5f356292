"""The quality of answers: figures, gold items, decisions."""

from django.urls import path

from feedback_ui.quality import gold, reviews, views

urlpatterns = [
    path("quality/", views.quality, name="quality"),
    path("quality/weights/<int:user_id>/", views.weight, name="quality_weight"),
    path("gold/", gold.gold_page, name="gold"),
    path("gold/mark/<int:answer_id>/", gold.mark, name="gold_mark"),
    path("gold/<int:gold_id>/end/", gold.end, name="gold_end"),
    path("reviews/", reviews.reviews, name="reviews"),
    path("reviews/<int:request_id>/", reviews.decide, name="review_decide"),
]
