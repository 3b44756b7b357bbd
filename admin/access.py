"""Who may open what in the panel: one table, enforced before any view runs.

A page without a line here is closed to everybody, and a test fails.
"""

from flask import request, url_for
from flask.typing import ResponseReturnValue

from carbonaccount.accounts.roles import Role
from carbonaccount.errors import Refused
from carbonaccount.web.identity import go_to, person, return_path

ALL = frozenset(Role)
# Whoever works with rules, and the auditor, who reads everything and changes nothing.
_RULES_READ = frozenset({Role.RULE_EDITOR, Role.RULE_APPROVER, Role.OPERATOR, Role.AUDITOR})
_EDIT = frozenset({Role.RULE_EDITOR})
_APPROVE = frozenset({Role.RULE_APPROVER})
_EDIT_OR_APPROVE = _EDIT | _APPROVE
# Stopping must not wait for the one person who may edit rules.
_STOP = frozenset({Role.RULE_EDITOR, Role.RULE_APPROVER, Role.OPERATOR})

_IMPORT = frozenset({Role.OPERATOR})

_REVIEW = frozenset({Role.REVIEWER})
_AUDIT = frozenset({Role.AUDITOR, Role.SECURITY_ADMIN})
# The help desk finds people; the security administrator answers for who was looked at.
_PEOPLE = frozenset({Role.OPERATOR, Role.SECURITY_ADMIN})
# Which of the two may grant which role is in accounts.powers.
_STAFF = frozenset({Role.SYSTEM_ADMIN, Role.SECURITY_ADMIN})
_SYSTEM = frozenset({Role.SYSTEM_ADMIN})
_SYSTEM_READ = frozenset({Role.SYSTEM_ADMIN, Role.OPERATOR, Role.AUDITOR})

# Whoever works with rewards, the help desk, and the auditor, who changes nothing.
_REWARDS_READ = frozenset({Role.REWARD_EDITOR, Role.REWARD_APPROVER, Role.OPERATOR, Role.AUDITOR})
_REWARDS_EDIT = frozenset({Role.REWARD_EDITOR})
_REWARDS_APPROVE = frozenset({Role.REWARD_APPROVER})
_REWARDS_EITHER = _REWARDS_EDIT | _REWARDS_APPROVE

# Merchants and what they are owed; whoever drafted a settlement cannot approve it.
_MERCHANTS_READ = frozenset({Role.REWARD_EDITOR, Role.REWARD_APPROVER, Role.OPERATOR, Role.AUDITOR})
_MERCHANTS = frozenset({Role.REWARD_EDITOR, Role.OPERATOR})
_SETTLE_READ = frozenset({Role.REWARD_EDITOR, Role.REWARD_APPROVER, Role.AUDITOR})
_SETTLE = frozenset({Role.REWARD_EDITOR, Role.REWARD_APPROVER})
_SETTLE_APPROVE = frozenset({Role.REWARD_APPROVER})
_DISPUTE = frozenset({Role.REWARD_APPROVER, Role.REVIEWER})

# Institutions, their recognitions and statements; the auditor reads them.
_INSTITUTIONS_READ = frozenset({Role.INSTITUTION_OFFICER, Role.OPERATOR, Role.AUDITOR})
_INSTITUTIONS = frozenset({Role.INSTITUTION_OFFICER})

ACCESS: dict[str, frozenset[Role]] = {
    "admin.overview": ALL,
    "admin.sources": frozenset({Role.OPERATOR, Role.SYSTEM_ADMIN, Role.AUDITOR}),
    # --- files ---
    "admin.uploads": _IMPORT,
    "admin.uploads_export": _IMPORT,
    "admin.new_upload": _IMPORT,
    "admin.upload": _IMPORT,
    "admin.upload_progress": _IMPORT,
    "admin.upload_lines": _IMPORT,
    "admin.stop_upload": _IMPORT,
    "admin.resume_upload": _IMPORT,
    # --- behaviours and rules ---
    "admin.behaviors": _RULES_READ,
    "admin.behaviors_export": _RULES_READ,
    "admin.behavior": _RULES_READ,
    "admin.new_behavior": _EDIT,
    "admin.edit_behavior": _EDIT,
    "admin.stop_behavior": _STOP,
    "admin.resume_behavior": _EDIT_OR_APPROVE,
    "admin.rule_queue": _RULES_READ,
    "admin.rule": _RULES_READ,
    "admin.new_rule": _EDIT,
    "admin.edit_rule": _EDIT,
    "admin.check_rule": _EDIT,
    "admin.submit_rule": _EDIT,
    "admin.discard_rule": _EDIT,
    "admin.return_rule": _EDIT_OR_APPROVE,
    "admin.approve_rule": _APPROVE,
    "admin.withdraw_rule": _APPROVE,
    # --- previews on history ---
    "admin.previews": _RULES_READ,
    "admin.previews_export": _RULES_READ,
    "admin.start_preview": _EDIT_OR_APPROVE,
    "admin.preview": _RULES_READ,
    "admin.preview_progress": _RULES_READ,
    "admin.preview_export": _RULES_READ,
    "admin.cancel_preview": _EDIT_OR_APPROVE,
    "admin.repeat_preview": _EDIT_OR_APPROVE,
    # --- scoring past records again ---
    "admin.rescorings": _RULES_READ,
    "admin.rescorings_export": _RULES_READ,
    "admin.new_rescoring": _EDIT,
    "admin.rescoring": _RULES_READ,
    "admin.rescoring_progress": _RULES_READ,
    "admin.rescoring_export": _RULES_READ,
    "admin.approve_rescoring": _APPROVE,
    "admin.refuse_rescoring": _APPROVE,
    "admin.withdraw_rescoring": _EDIT_OR_APPROVE,
    "admin.repeat_rescoring": _EDIT_OR_APPROVE,
    "admin.book_rescoring": _EDIT_OR_APPROVE,
    # --- emission factors ---
    "admin.factors": _RULES_READ,
    "admin.factors_export": _RULES_READ,
    "admin.factor": _RULES_READ,
    "admin.new_factor": _EDIT,
    "admin.edit_factor": _EDIT,
    "admin.submit_factor": _EDIT,
    "admin.discard_factor": _EDIT,
    "admin.return_factor": _EDIT_OR_APPROVE,
    "admin.approve_factor": _APPROVE,
    # --- the city's decisions ---
    "admin.policy": _RULES_READ | {Role.SYSTEM_ADMIN},
    # --- what the city reported of the plans' indicators ---
    "admin.indicators": _RULES_READ | {Role.SYSTEM_ADMIN},
    "admin.indicators_export": _RULES_READ | {Role.SYSTEM_ADMIN},
    "admin.indicator": _RULES_READ | {Role.SYSTEM_ADMIN},
    "admin.report_indicator": frozenset({Role.OPERATOR}),
    "admin.withdraw_indicator": frozenset({Role.OPERATOR}),
    "admin.set_policy": frozenset({Role.SYSTEM_ADMIN}),
    "admin.holidays": _RULES_READ | {Role.SYSTEM_ADMIN},
    "admin.edit_holidays": frozenset({Role.SYSTEM_ADMIN}),
    # --- the reward fund ---
    "admin.fund": _REWARDS_READ,
    "admin.fund_export": _REWARDS_READ,
    "admin.fund_liability_export": _REWARDS_READ,
    "admin.programme": _REWARDS_READ,
    "admin.fund_days_export": _REWARDS_READ,
    "admin.fund_movements_export": _REWARDS_READ,
    "admin.sponsors": _REWARDS_EDIT,
    "admin.new_programme": _REWARDS_EDIT,
    # The rule is public: whoever approves money answers for it.
    "admin.change_fund_rule": _REWARDS_APPROVE,
    "admin.propose_budget": _REWARDS_EITHER,
    "admin.approve_budget": _REWARDS_APPROVE,
    "admin.refuse_budget": _REWARDS_APPROVE,
    "admin.withdraw_budget": _REWARDS_EITHER,
    # --- draws and queues ---
    "admin.draws": _REWARDS_READ,
    "admin.draws_export": _REWARDS_READ,
    "admin.draw": _REWARDS_READ,
    "admin.new_draw": _REWARDS_EDIT,
    "admin.close_draw": _REWARDS_EITHER,
    "admin.draw_lots": _REWARDS_EITHER,
    "admin.award_draw": _REWARDS_EITHER,
    "admin.call_off_draw": _REWARDS_APPROVE,
    "admin.queue": _REWARDS_READ,
    "admin.queue_export": _REWARDS_READ,
    "admin.offer_queue": _REWARDS_EITHER | {Role.OPERATOR},
    "admin.skip_place": _REWARDS_EITHER | {Role.OPERATOR},
    # --- the catalogue of rewards ---
    "admin.rewards": _REWARDS_READ,
    "admin.rewards_export": _REWARDS_READ,
    "admin.reward": _REWARDS_READ,
    "admin.reward_stock_export": _REWARDS_READ,
    "admin.new_reward": _REWARDS_EDIT,
    "admin.edit_reward": _REWARDS_EDIT,
    "admin.submit_reward": _REWARDS_EDIT,
    "admin.return_reward": _REWARDS_EITHER,
    "admin.publish_reward": _REWARDS_APPROVE,
    "admin.pause_reward": _REWARDS_EITHER | {Role.OPERATOR},
    "admin.resume_reward": _REWARDS_EITHER,
    "admin.revise_reward": _REWARDS_EDIT,
    "admin.end_reward": _REWARDS_EITHER,
    "admin.propose_reward_price": _REWARDS_EITHER,
    "admin.set_reward_price": _REWARDS_APPROVE,
    "admin.drop_reward_price": _REWARDS_EITHER,
    "admin.move_reward_stock": _REWARDS_EITHER,
    # --- photos and appeals ---
    "admin.reviews_queue": _REVIEW,
    "admin.reviews_export": _REVIEW,
    "admin.next_review": _REVIEW,
    "admin.review": _REVIEW,
    "admin.review_photo": _REVIEW,
    "admin.accept_review": _REVIEW,
    "admin.decline_review": _REVIEW,
    "admin.appeals_queue": _REVIEW,
    "admin.appeals_export": _REVIEW,
    "admin.appeal": _REVIEW,
    "admin.uphold_appeal": _REVIEW,
    "admin.refuse_appeal": _REVIEW,
    # --- people and staff ---
    "admin.people": _PEOPLE,
    "admin.people_export": _PEOPLE,
    "admin.find_person": _PEOPLE,
    "admin.resident": _PEOPLE,
    "admin.unmask_resident": _PEOPLE,
    "admin.forget_born_month": _PEOPLE,
    "admin.sign_out_resident": _PEOPLE,
    "admin.staff": _STAFF | {Role.AUDITOR},
    "admin.staff_export": _STAFF | {Role.AUDITOR},
    "admin.new_staff": _STAFF,
    "admin.staff_member": _STAFF | {Role.AUDITOR},
    "admin.staff_roles": _STAFF,
    "admin.deactivate_staff": _STAFF,
    "admin.reactivate_staff": _STAFF,
    "admin.reset_staff": _STAFF,
    # --- the trail and the work behind the pages ---
    "admin.audit_log": _AUDIT,
    "admin.audit_export": _AUDIT,
    "admin.jobs": _SYSTEM_READ,
    "admin.jobs_export": _SYSTEM_READ,
    "admin.control_totals": _SYSTEM_READ,
    # --- pools of residents' grams ---
    "admin.pools_list": _INSTITUTIONS_READ,
    "admin.pools_export": _INSTITUTIONS_READ,
    "admin.pool": _INSTITUTIONS_READ,
    "admin.pool_numbers": _INSTITUTIONS_READ,
    "admin.new_pool": _INSTITUTIONS,
    "admin.edit_pool": _INSTITUTIONS,
    "admin.open_pool": _INSTITUTIONS,
    "admin.close_pool": _INSTITUTIONS,
    "admin.sell_pool": _INSTITUTIONS,
    "admin.call_off_pool": _INSTITUTIONS,
    "admin.control_totals_export": _SYSTEM_READ,
    "admin.run_job": _SYSTEM,
    # --- giving, trees, certificates ---
    "admin.beneficiaries": _REWARDS_READ,
    "admin.beneficiaries_export": _REWARDS_READ,
    "admin.beneficiary": _REWARDS_READ,
    "admin.new_beneficiary": _REWARDS_EDIT,
    "admin.edit_beneficiary": _REWARDS_EDIT,
    "admin.submit_beneficiary": _REWARDS_EDIT,
    "admin.return_beneficiary": _REWARDS_EITHER,
    "admin.publish_beneficiary": _REWARDS_APPROVE,
    "admin.end_beneficiary": _REWARDS_EITHER,
    "admin.use_grams": _REWARDS_APPROVE,
    "admin.gifts_export": _REWARDS_READ,
    "admin.plots_list": _REWARDS_READ,
    "admin.plots_export": _REWARDS_READ,
    "admin.plot": _REWARDS_READ,
    "admin.new_plot": _REWARDS_EDIT,
    "admin.edit_plot": _REWARDS_EDIT,
    "admin.add_plot_paper": _REWARDS_EDIT,
    "admin.plot_paper": _REWARDS_READ,
    "admin.approve_plot_paper": _REWARDS_APPROVE,
    "admin.report_dead_trees": _REWARDS_EDIT,
    "admin.make_trees_good": _REWARDS_APPROVE,
    "admin.plot_trees_export": _REWARDS_READ,
    "admin.certificates_list": _REWARDS_READ,
    "admin.certificates_export": _REWARDS_READ,
    "admin.certificate": _REWARDS_READ,
    "admin.withdraw_certificate": _REWARDS_APPROVE,
    # --- sources and their keys ---
    "admin.sources_export": _SYSTEM_READ,
    "admin.source": _SYSTEM_READ,
    "admin.source_totals_export": _SYSTEM_READ,
    "admin.new_source": _SYSTEM,
    "admin.edit_source": _SYSTEM,
    "admin.add_source_key": _SYSTEM,
    "admin.rotate_source_key": _SYSTEM,
    "admin.revoke_source_key": _SYSTEM,
    # --- merchants, settlements and disputes ---
    "admin.merchants_list": _MERCHANTS_READ,
    "admin.merchants_export": _MERCHANTS_READ,
    "admin.merchant": _MERCHANTS_READ,
    "admin.new_merchant": _MERCHANTS,
    "admin.edit_merchant": _MERCHANTS,
    "admin.add_merchant_till": _MERCHANTS,
    "admin.set_merchant_till": _MERCHANTS,
    "admin.invite_to_merchant": _MERCHANTS,
    "admin.remove_from_merchant": _MERCHANTS,
    "admin.settlements": _SETTLE_READ,
    "admin.settlements_export": _SETTLE_READ,
    "admin.settlement": _SETTLE_READ,
    "admin.settlement_pdf": _SETTLE_READ,
    "admin.settlement_xlsx": _SETTLE_READ,
    "admin.new_settlement": _SETTLE,
    "admin.submit_settlement": _SETTLE,
    "admin.check_settlement": _SETTLE,
    "admin.return_settlement": _SETTLE,
    "admin.approve_settlement": _SETTLE_APPROVE,
    "admin.pay_settlement": _SETTLE,
    "admin.cancel_settlement": _SETTLE,
    "admin.disputes_queue": _DISPUTE | _SETTLE_READ,
    "admin.disputes_export": _DISPUTE | _SETTLE_READ,
    "admin.dispute": _DISPUTE | _SETTLE_READ,
    "admin.uphold_dispute": _DISPUTE,
    "admin.refuse_dispute": _DISPUTE,
    # --- institutions and their recognitions ---
    "admin.institutions_list": _INSTITUTIONS_READ,
    "admin.institutions_export": _INSTITUTIONS_READ,
    "admin.institution": _INSTITUTIONS_READ,
    "admin.admit_institution": _INSTITUTIONS,
    # Who applies is for whoever decides: the paper names people, and so does the number.
    "admin.institution_authority": _INSTITUTIONS,
    "admin.unmask_applicant": _INSTITUTIONS,
    "admin.refuse_institution": _INSTITUTIONS,
    "admin.close_institution": _INSTITUTIONS,
    "admin.institution_listing": _INSTITUTIONS,
    "admin.import_institution_list": _INSTITUTIONS,
    "admin.institution_list_report": _INSTITUTIONS,
    "admin.invite_institution_owner": _INSTITUTIONS,
    "admin.recognitions": _INSTITUTIONS_READ,
    "admin.recognitions_export": _INSTITUTIONS_READ,
    "admin.recognition_case": _INSTITUTIONS_READ,
    "admin.recognition_evidence": _INSTITUTIONS_READ,
    "admin.judge_criterion": _INSTITUTIONS,
    "admin.return_recognition": _INSTITUTIONS,
    "admin.grant_recognition": _INSTITUTIONS,
    "admin.refuse_recognition": _INSTITUTIONS,
    "admin.correct_recognition": _INSTITUTIONS,
    "admin.revoke_recognition": _INSTITUTIONS,
    # --- neutrality statements and survival checks ---
    "admin.statements_list": _INSTITUTIONS_READ,
    "admin.statements_export": _INSTITUTIONS_READ,
    "admin.statement_review": _INSTITUTIONS_READ,
    "admin.statement_lot_paper": _INSTITUTIONS_READ,
    # Bills say more of an institution than its statement does: for whoever confirms it only.
    "admin.statement_evidence": _INSTITUTIONS,
    "admin.review_statement": _INSTITUTIONS,
    "admin.return_statement": _INSTITUTIONS,
    "admin.withdraw_statement": _INSTITUTIONS,
    "admin.offset_lots": _INSTITUTIONS_READ,
    "admin.offset_lots_export": _INSTITUTIONS_READ,
    "admin.offset_lot": _INSTITUTIONS_READ,
    "admin.offset_lot_paper": _INSTITUTIONS_READ,
    "admin.withdraw_offset_lot": _INSTITUTIONS,
    "admin.survival_checks": _INSTITUTIONS_READ,
    "admin.survival_checks_export": _INSTITUTIONS_READ,
    "admin.survival_check": _INSTITUTIONS_READ,
    "admin.survival_check_paper": _INSTITUTIONS_READ,
    "admin.decide_survival_check": _INSTITUTIONS,
}


def allowed(endpoint: str | None, roles: frozenset[str]) -> bool:
    """Return whether one of the roles may open a page; for menus and buttons too."""
    return not ACCESS.get(endpoint or "", frozenset()).isdisjoint(roles)


def enforce() -> ResponseReturnValue | None:
    """Send those who are not signed in as staff to the sign-in; refuse staff without the role."""
    found = person()
    if found is None or found.staff is None:
        return go_to(url_for("accounts.staff_sign_in", next=return_path()))
    if not allowed(request.endpoint, found.roles):
        raise Refused("role_missing")
    return None
