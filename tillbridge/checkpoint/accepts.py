"""What the authority takes at the register, by the stack map. The ceiling of a credit is the ledger's to refuse."""

from tillbridge.kernel.money import Money, parse
from tillbridge.stack.model import Stack


def not_taken(stack: Stack, amount: Money, bucket: str) -> tuple[str, str] | None:
    """The field that the authority does not take, with the reason; None when it takes the credit."""
    authority, home = stack.systems[stack.authority], stack.retailer.currency
    if authority.buckets and bucket not in authority.buckets:
        return "bucket", f"the bucket {bucket} is not taken, only {', '.join(authority.buckets)}"
    if authority.currencies and amount.currency not in authority.currencies:
        return "currency", f"{amount.currency} is not taken, only {', '.join(authority.currencies)}"
    if authority.amount_max and not authority.currencies and amount.currency != home:
        return "currency", f"the limit of one credit is stated in {home} only, so {amount.currency} is not taken"
    if amount.currency != home or amount.minor <= 0:
        return None
    if authority.amount_min and amount < (least := parse(authority.amount_min, home)):
        return "amount", f"{amount} is below the least that is taken, {least}"
    if authority.denominations and amount.text() not in authority.denominations:
        return "amount", f"{amount} is not taken, only {', '.join(authority.denominations)}"
    return None
