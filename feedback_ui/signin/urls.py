"""Where a person comes in and goes out."""

from django.urls import path

from feedback_ui.people.invitations import join
from feedback_ui.signin.views import SignIn, SignOut

urlpatterns = [
    path("sign-in/", SignIn.as_view(), name="sign_in"),
    path("join/<str:secret>/", join, name="join"),
    path("sign-out/", SignOut.as_view(), name="sign_out"),
]
