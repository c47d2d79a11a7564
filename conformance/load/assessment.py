"""What the figures come to: whether the rate was held, whose fault it was if not, and the exit code."""

from conformance.load.figures import Figures
from conformance.load.plan import Plan
from conformance.load.search import KEEPS_UP, RateStep
from conformance.outcome.verdicts import Exit

BUSY = 0.85
"""The share of a core above which a process has no time left."""
LATE_MS = 20.0
"""Milliseconds that 99 % of the messages may be sent late, and that what the generator sends to itself may take."""
REACHED = 0.95
"""The share of the rate asked for that must have been sent."""


def generator_limits(figures: Figures, plan: Plan) -> list[str]:
    """Why the generator may have been the limit, in words. Empty: it had time to spare."""
    why = []
    if (busiest := max(figures.cores, default=0.0)) > BUSY:
        why.append(f"it used {busiest:.0%} of a core")
    if (late := figures.late.ms(0.99) or 0.0) > LATE_MS:
        why.append(f"it sent {late:.0f} ms late (p99)")
    if (own := figures.own.ms(0.99) or 0.0) > LATE_MS:
        why.append(f"it heard itself {own:.0f} ms late (p99)")
    if figures.overrun:
        why.append(f"{figures.overrun:,} datagrams found its buffers full")
    if not _reached(figures, plan):
        why.append("it did not reach the rate")
    return why


def _reached(figures: Figures, plan: Plan) -> bool:
    return sent_rate(figures, plan) >= REACHED * plan.total_rate


def sent_rate(figures: Figures, plan: Plan) -> float:
    """Messages a second that were sent."""
    seconds = (figures.last_sent - figures.first) / 1e9 + plan.interval / plan.all_members
    return figures.sent / seconds if figures.sent else 0.0


def delivery_rate(figures: Figures, plan: Plan) -> float:
    """Deliveries a second that came."""
    seconds = (max(figures.last_sent, figures.last_heard) - figures.first) / 1e9 + plan.interval / plan.all_members
    return figures.delivered / seconds if figures.delivered else 0.0


def server_faults(figures: Figures) -> list[str]:
    """What the server did wrong, in words."""
    found = []
    if (lost := figures.lost - figures.lost_by_generator) > 0:
        found.append(f"{lost:,} lost")
    if figures.duplicated:
        found.append(f"{figures.duplicated:,} duplicated")
    if figures.foreign:
        found.append(f"{figures.foreign:,} heard by the wrong member")
    if figures.garbled:
        found.append(f"{figures.garbled:,} changed on their way")
    if figures.disconnected:
        found.append(f"{figures.disconnected:,} member{'s' * (figures.disconnected != 1)} disconnected")
    return found


def exit_code(figures: Figures, plan: Plan, *, interrupted: bool = False, died: bool = False) -> Exit:
    """The exit code of one run: 0 only if the rate that was asked for was sent, and nothing was lost."""
    if interrupted:
        return Exit.INTERRUPTED
    if died:
        return Exit.DIED
    if server_faults(figures):
        return Exit.FAILED
    if figures.lost or not _reached(figures, plan):
        return Exit.SUITE_FAULT
    return Exit.CONFORMS


def judge_step(figures: Figures, plan: Plan) -> RateStep:
    """Whether a run held its rate: nothing was lost, and the last delivery came soon after the last message."""
    limits = generator_limits(figures, plan)
    faults = server_faults(figures)
    if not faults and figures.seconds_behind > KEEPS_UP:
        faults = [f"{figures.seconds_behind:.1f} s behind"]
    if faults:
        return RateStep(plan.rate, ", ".join(faults), bool(limits))
    if figures.lost or not _reached(figures, plan):
        return RateStep(plan.rate, "; ".join(limits), True)
    return RateStep(plan.rate)
