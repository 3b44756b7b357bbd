"""What credits buy: the catalogue, coupons, merchants, the fund that pays, giving and papers."""
