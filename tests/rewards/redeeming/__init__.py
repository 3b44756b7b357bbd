"""Taking rewards and using coupons, one by one and many at once."""
