#ifndef BINSIDE_PEOPLE_H
#define BINSIDE_PEOPLE_H

#ifdef __cplusplus
extern "C" {
#endif

typedef struct {
	int x, y, width, height;
} people_box;

// people_find writes at most room boxes of people in the grey picture, of those
// whose score is at least least, and returns how many there are, or -1 and the
// reason in message. padding is how far beyond the picture's edge, in pixels, a
// window may reach.
int people_find(unsigned char *grey, int width, int height, double least, int padding, people_box *boxes, int room, char *message, int message_size);

#ifdef __cplusplus
}
#endif

#endif
