"""The reading worklist: the page that radiologists look at."""
