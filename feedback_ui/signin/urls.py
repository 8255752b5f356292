"""Where a person comes in and goes out."""

from django.urls import path

from feedback_ui.signin.views import SignIn, SignOut

urlpatterns = [
    path("sign-in/", SignIn.as_view(), name="sign_in"),
    path("sign-out/", SignOut.as_view(), name="sign_out"),
]
