"""The anatomy of label maps: real heads as the source of tissues, varied, made ill and scanned at random."""
