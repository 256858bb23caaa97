"""Serves JPEG pictures from standard input as H.264 over RTSP.

A child of the demonstration station. Standard input: for each picture four
bytes of length (big-endian) and a JPEG file. Standard output: one line each,
"port N" once it listens, "play" when a client wants pictures, "idle" when the
last one has left. It ends when its input ends.
"""
import struct
import sys
import threading

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer  # noqa: E402

PIPELINE = (
    "( appsrc name=pictures is-live=true do-timestamp=true format=time block=false max-bytes=4000000 "
    "caps=image/jpeg,framerate={fps}/1 ! jpegdec ! videoconvert ! video/x-raw,format=I420 "
    "! x264enc tune=zerolatency speed-preset=superfast key-int-max={gop} bitrate=4000 "
    "! h264parse config-interval=-1 ! rtph264pay name=pay0 pt=96 )"
)


def say(line):
    print(line, flush=True)


class Pictures:
    """The way of pictures from standard input into the pipeline, if any."""

    def __init__(self):
        self.lock = threading.Lock()
        self.source = None

    def configure(self, _factory, media):
        with self.lock:
            self.source = media.get_element().get_child_by_name("pictures")
        media.connect("unprepared", self.stop)
        say("play")

    def stop(self, _media):
        with self.lock:
            self.source = None
        say("idle")

    def push(self, jpeg):
        with self.lock:
            source = self.source
        # Two seconds of pictures wait at most; a pipeline that is slower than
        # the camera loses the newest ones.
        if source is not None and source.get_property("current-level-bytes") < 4000000:
            source.emit("push-buffer", Gst.Buffer.new_wrapped(jpeg))

    def read(self, loop):
        stream = sys.stdin.buffer
        while True:
            head = stream.read(4)
            if len(head) < 4:
                break
            jpeg = stream.read(struct.unpack(">I", head)[0])
            self.push(jpeg)
        loop.quit()


def main():
    host, port, path, fps = sys.argv[1:5]
    Gst.init(None)
    if Gst.ElementFactory.find("x264enc") is None:
        sys.exit("the GStreamer element x264enc is missing")
    loop = GLib.MainLoop()
    pictures = Pictures()
    server = GstRtspServer.RTSPServer()
    server.set_address(host)
    server.set_service(port)
    factory = GstRtspServer.RTSPMediaFactory()
    factory.set_launch(PIPELINE.format(fps=fps, gop=2 * int(fps)))
    factory.set_shared(True)
    factory.connect("media-configure", pictures.configure)
    server.get_mount_points().add_factory(path, factory)
    if server.attach(None) == 0:
        sys.exit("cannot listen on %s:%s" % (host, port))
    say("port %d" % server.get_bound_port())
    threading.Thread(target=pictures.read, args=(loop,), daemon=True).start()
    loop.run()


main()
