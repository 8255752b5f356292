"""People, their roles and their tokens."""

from django.urls import path

from feedback_ui.people.invitations import invitation_end, invitations_page
from feedback_ui.people.mail import mail_page
from feedback_ui.people.panels import panel_end, panels
from feedback_ui.people.tokens import token_end, tokens_page
from feedback_ui.people.views import people_list, person_add, person_remove, person_role

urlpatterns = [
    path("", people_list, name="people"),
    path("add/", person_add, name="person_add"),
    path("<int:member_id>/role/", person_role, name="person_role"),
    path("<int:member_id>/remove/", person_remove, name="person_remove"),
    path("invitations/", invitations_page, name="invitations"),
    path("invitations/<int:invitation_id>/end/", invitation_end, name="invitation_end"),
    path("panels/", panels, name="panels"),
    path("panels/<int:panel_id>/end/", panel_end, name="panel_end"),
    path("mail/", mail_page, name="mail"),
    path("tokens/", tokens_page, name="tokens"),
    path("tokens/<int:token_id>/revoke/", token_end, name="token_end"),
]
