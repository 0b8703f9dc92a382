from dicom_gateway.association_policy import LOCAL_LIMIT_EXCEEDED, AssociationPolicy, AssociationRequest
from dicom_gateway.associations import AssociationEnd, AssociationOpened, AssociationRejected, OpenAssociations

REQUEST = AssociationRequest("MODALITY", "CXR", "192.0.2.1")


def test_a_closed_association_makes_room() -> None:
    """The limit counts what is open: one goes, another may come."""
    associations = OpenAssociations(AssociationPolicy(maximum_associations=1))
    assert isinstance(associations.admit("a", REQUEST), AssociationOpened)
    rejected = associations.admit("b", REQUEST)
    assert isinstance(rejected, AssociationRejected)
    assert rejected.rejection is LOCAL_LIMIT_EXCEEDED
    associations.close("a", AssociationEnd.RELEASED)
    assert isinstance(associations.admit("c", REQUEST), AssociationOpened)


def test_the_end_tells_what_came() -> None:
    """An association's end carries its counts, its kind and its beginning."""
    associations = OpenAssociations(AssociationPolicy(maximum_associations=1))
    associations.admit("a", REQUEST)
    associations.count("a", stored=True)
    associations.count("a", stored=True)
    associations.count("a", stored=False)
    closed = associations.close("a", AssociationEnd.ABORTED)
    assert closed is not None
    assert (closed.stored, closed.refused, closed.end) == (2, 1, AssociationEnd.ABORTED)
    assert closed.opened.request == REQUEST
    assert closed.opened.opened_at <= closed.closed_at


def test_what_was_never_admitted_has_no_end() -> None:
    """A rejected or silent connection closes without a word."""
    associations = OpenAssociations(AssociationPolicy(maximum_associations=1))
    assert associations.close("a", AssociationEnd.ABORTED) is None
