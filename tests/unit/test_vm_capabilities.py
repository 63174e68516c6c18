"""What libvirt said of a captured machine is somebody else's text: no document is no answer."""

from __future__ import annotations

import pytest

from vdesk.vm.capabilities import has_kvm, parse_capabilities

BAD = [
    b"<domainCapabilities>\xff\xfe</domainCapabilities>",
    b"\x80\x81",
    b"<capabilities><host>\xc3</host></capabilities>",
    b"<?xml version='1.0' encoding='utf-7'?><a/>",
    b"\0" * 10,
    b"<a>",
    b"",
]


@pytest.mark.parametrize("data", BAD)
def test_no_document(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    assert parse_capabilities(text) is None and has_kvm(text) is None
