"""Tests the message of a `WsException`, and the payload that the client receives."""

from app.framework import WsException, WsUnauthorized, WsUnknownEvent
from app.framework.common.exceptions import FieldError, WsBadRequest


def test_message_is_the_text_when_a_text_is_raised() -> None:
    """`get_error` returns the constructor's argument."""
    error = WsException("text")

    assert ("text", "text", "text") == (error.message, error.get_error(), str(error))


def test_message_is_the_objects_own_when_it_has_one() -> None:
    """As in Nest, an object's ``message`` becomes the message of the exception."""
    assert "inner" == WsException({"message": "inner", "statusCode": 400}).message


def test_message_is_the_class_name_in_words_when_an_object_has_none() -> None:
    """As in Nest, the default message consists of the words in the class's name."""
    assert "Ws Exception" == WsException({"statusCode": 400}).message
    assert "Ws Exception" == WsException({"message": 5}).message
    assert "Ws Unauthorized" == WsUnauthorized(["list"]).message


def test_code_and_temporary_are_the_classs_when_nobody_says_otherwise() -> None:
    """The constructor's arguments override the attributes of the class."""
    plain = WsUnauthorized("who are you")
    said = WsUnauthorized("who are you", code="mine", temporary=True, details={"more": 1})

    assert ("unauthorized", False) == (plain.code, plain.temporary)
    assert {"error": "who are you", "code": "mine", "temporary": True, "more": 1} == said.to_ack()


def test_event_has_no_cause_when_none_is_given() -> None:
    assert {"status": "error", "message": "x", "code": "error"} == WsException("x").to_event(None)


def test_bad_request_joins_its_fields_when_there_are_several() -> None:
    """The message is one sentence for people, and the list of fields is for programs."""
    error = WsBadRequest(
        (FieldError(path="a", message="is wrong"), FieldError(path="", message="all is wrong"))
    )

    assert "a: is wrong; all is wrong" == error.message


def test_unknown_event_names_nothing_when_nothing_is_near() -> None:
    """The error does not repeat the unknown name, because a client has sent it."""
    assert "There is no such event." == WsUnknownEvent(None).message
