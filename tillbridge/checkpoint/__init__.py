"""The confirmation at the register, the printed vouchers and their claims."""
