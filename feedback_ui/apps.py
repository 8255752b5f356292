from django.apps import AppConfig


class FeedbackUiConfig(AppConfig):
    name = "feedback_ui"
